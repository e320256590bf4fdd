import { Page } from "../ui/page";

export default function ChartsPage() {
  return <Page title="Saved charts">{null}</Page>;
}
