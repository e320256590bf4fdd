export { Funnel as default } from "../funnel/funnel";
