import { Page } from "../ui/page";

export default function FunnelPage() {
  return <Page title="Funnel">{null}</Page>;
}
