export { Setup as default } from "../setup/setup";
