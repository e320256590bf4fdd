import { Page } from "../ui/page";

export default function AccountsPage() {
  return <Page title="Accounts">{null}</Page>;
}
