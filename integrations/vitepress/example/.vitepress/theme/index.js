import { withComments } from "commentsvc-embed/vitepress/theme";
import DefaultTheme from "vitepress/theme";

export default withComments(DefaultTheme);
