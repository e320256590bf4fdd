import { Page } from "../ui/page";

export default function UsersPage() {
  return <Page title="Users">{null}</Page>;
}
