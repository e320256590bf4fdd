import { Page } from "../ui/page";

export default function SegmentPage() {
  return <Page title="Segment">{null}</Page>;
}
