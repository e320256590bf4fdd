import { type SearchCodec, useSearchState } from "../app/search";
import { CompareView } from "../segments/compare";
import { Page } from "../ui/page";

const CODEC: SearchCodec<string[]> = {
  read: ({ ids }) => (Array.isArray(ids) ? ids.filter((id): id is string => typeof id === "string") : []),
  write: (ids) => ({ ids: ids.length > 0 ? ids : undefined }),
};

export default function ComparePage() {
  const [ids, setIds] = useSearchState(CODEC);
  return (
    <Page title="Compare segments" subtitle="How much they share, counted exactly.">
      <CompareView ids={ids} onIds={setIds} />
    </Page>
  );
}
