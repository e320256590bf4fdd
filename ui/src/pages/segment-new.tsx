import { Page } from "../ui/page";

export default function NewSegmentPage() {
  return <Page title="New segment">{null}</Page>;
}
