import { Page } from "../ui/page";

export default function EditSegmentPage() {
  return <Page title="Edit segment">{null}</Page>;
}
