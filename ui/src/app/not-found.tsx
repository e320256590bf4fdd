import { Link } from "@tanstack/react-router";
import { buttonClass } from "../ui/button";
import { Empty } from "../ui/feedback";
import { Page } from "../ui/page";

export function NotFound() {
  return (
    <Page title="Nothing here">
      <Empty
        icon="search"
        title="There is no page at this address"
        action={
          <Link to="/segments" className={buttonClass("primary")}>
            To the segments
          </Link>
        }
      >
        A link may be old, or a letter is missing.
      </Empty>
    </Page>
  );
}
