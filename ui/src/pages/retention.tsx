export { Retention as default } from "../retention/retention";
