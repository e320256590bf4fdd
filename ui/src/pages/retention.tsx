import { Page } from "../ui/page";

export default function RetentionPage() {
  return <Page title="Retention">{null}</Page>;
}
