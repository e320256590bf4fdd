import { Page } from "../ui/page";

export default function ExplorerPage() {
  return <Page title="Explorer">{null}</Page>;
}
