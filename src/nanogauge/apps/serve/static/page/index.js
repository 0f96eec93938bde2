export { workbench } from "./workbench.js";
