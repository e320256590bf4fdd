import { Page } from "../ui/page";

export default function ImportPage() {
  return <Page title="Segment from a list">{null}</Page>;
}
