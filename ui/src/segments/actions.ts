import { useMutation, useQueryClient } from "@tanstack/react-query";
import { request } from "../api/client";
import { toast, toastError } from "../ui/toast";
import type { Segment } from "./queries";

/** Deletes segments one after another and offers to bring them back. `force`: although others refer to them. */
export function useDeleteSegments(onDone?: () => void) {
  const queries = useQueryClient();
  // What is gone is not asked for again: the page that showed it may still be there for a moment.
  const again = (gone: Segment[] = []) => {
    const ids = new Set<unknown>(gone.map(({ id }) => id));
    return queries.invalidateQueries({
      queryKey: ["segments"],
      predicate: ({ queryKey }) => !ids.has(queryKey[1]),
    });
  };
  const restore = async (segments: Segment[]) => {
    try {
      for (const { id } of segments) await request("POST", `/segments/${id}/restore`);
      toast(segments.length === 1 ? "Segment restored" : "Segments restored");
    } catch (error) {
      toastError("Not restored", error);
    }
    void again();
  };
  return useMutation({
    mutationFn: async ({ segments, force }: { segments: Segment[]; force: boolean }) => {
      for (const { id } of segments) {
        await request("DELETE", `/segments/${id}`, { query: { force: force || undefined } });
      }
      return segments;
    },
    onSuccess: (segments) => {
      const [only] = segments;
      const what =
        segments.length === 1 && only ? `“${only.attributes.name}”` : `${segments.length} segments`;
      toast(`${what} deleted`, {
        description: "Can be restored within 30 days.",
        action: { label: "Restore", run: () => void restore(segments) },
      });
      onDone?.();
    },
    onSettled: (deleted) => again(deleted),
  });
}
