import { useParams } from "@tanstack/react-router";
import { Builder } from "../segments/builder/builder";
import { useSegment } from "../segments/queries";
import { ErrorBox, SkeletonRows } from "../ui/feedback";
import { Page } from "../ui/page";

export default function EditSegmentPage() {
  const { id } = useParams({ strict: false });
  const segment = useSegment(id);
  const data = segment.data?.data;
  return (
    <Page title={data ? `Edit “${data.attributes.name}”` : "Edit segment"}>
      {segment.isError && (
        <ErrorBox error={segment.error} retry={() => segment.refetch()} title="The segment can't be read" />
      )}
      {segment.isPending && <SkeletonRows />}
      {data && <Builder key={data.id} segment={data} />}
    </Page>
  );
}
