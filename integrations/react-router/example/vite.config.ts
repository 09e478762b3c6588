import { reactRouter } from "@react-router/dev/vite";
import { defineConfig } from "vite";

// Beside the pages, which React Router writes to the folder of `basename`.
export default defineConfig({ build: { assetsDir: "notes/assets" }, plugins: [reactRouter()] });
