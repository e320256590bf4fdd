import { ProfileList } from "../profiles/list";

export default function UsersPage() {
  return <ProfileList kind="user" />;
}
