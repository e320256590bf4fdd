import { Profile } from "../profiles/profile";

export default function UserPage() {
  return <Profile kind="user" />;
}
