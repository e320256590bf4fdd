export { Explorer as default } from "../explorer/explorer";
