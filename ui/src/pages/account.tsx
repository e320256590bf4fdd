import { Profile } from "../profiles/profile";

export default function AccountPage() {
  return <Profile kind="account" />;
}
