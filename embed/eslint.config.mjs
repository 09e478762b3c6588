// Run from the repository's root (npm run lint does), because ESLint ignores files above its base path.
import js from "@eslint/js";
import { defineConfig } from "eslint/config";
import globals from "globals";
import tseslint from "typescript-eslint";

export default defineConfig(
  js.configs.recommended,
  { ignores: ["embed/dist/"] },
  { linterOptions: { reportUnusedDisableDirectives: "error" } },
  {
    files: ["embed/**/*.{ts,tsx}"],
    extends: [tseslint.configs.strictTypeChecked],
    languageOptions: {
      parserOptions: {
        project: ["embed/tsconfig.json", "embed/package/tsconfig.json"],
        tsconfigRootDir: process.cwd(),
      },
    },
    rules: {
      // query<HTMLInputElement>(form, "input"), as in querySelector itself.
      "@typescript-eslint/no-unnecessary-type-parameters": "off",
      // Numbers need no conversion: `${count}`.
      "@typescript-eslint/restrict-template-expressions": ["error", { allowNumber: true }],
      // `() => queue.push(entry)`: the callers of such callbacks expect void and ignore the value.
      "@typescript-eslint/no-confusing-void-expression": [
        "error",
        { ignoreArrowShorthand: true, ignoreVoidReturningFunctions: true },
      ],
    },
  },
  { files: ["embed/tests/**/*.ts"], rules: { "@typescript-eslint/no-non-null-assertion": "off" } },
  { files: ["embed/*.mjs", "embed/tests/*.mjs"], languageOptions: { globals: globals.node } },
  { files: ["commentsvc/web/static/*.js", "embed/tests/**/*.js"], languageOptions: { globals: globals.browser } },
);
