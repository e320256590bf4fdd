import { Page } from "../ui/page";

export default function PathwaysPage() {
  return <Page title="Pathways">{null}</Page>;
}
