import { ProfileList } from "../profiles/list";

export default function AccountsPage() {
  return <ProfileList kind="account" />;
}
