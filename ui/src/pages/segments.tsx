import { Page } from "../ui/page";

export default function SegmentsPage() {
  return <Page title="Segments">{null}</Page>;
}
