export { Pathways as default } from "../pathways/pathways";
