// Reads the sentences to translate and the names for ::part() out of the sources, by TypeScript's own parser and types.
import { basename } from "node:path";
import ts from "typescript";

/**
 * Gives `sentences` and `parts`, each a map from a source file ("src/thread.ts") to a list. Throws at a call whose
 * argument it cannot read.
 */
export function extract(files) {
  // Without lib.d.ts, which takes most of the time: all that is looked up here is declared in the sources.
  const program = ts.createProgram(files, {
    noLib: true,
    target: ts.ScriptTarget.ES2022,
    module: ts.ModuleKind.ESNext,
    moduleResolution: ts.ModuleResolutionKind.Bundler,
  });
  const checker = program.getTypeChecker();
  const sentences = new Map(files.map((file) => [file, []]));
  const parts = new Map(files.map((file) => [file, []]));

  /** Where the called function is declared: "dom.ts:make". */
  function calleeOf(call) {
    let symbol = checker.getSymbolAtLocation(call.expression.name ?? call.expression);
    if (symbol && symbol.flags & ts.SymbolFlags.Alias) symbol = checker.getAliasedSymbol(symbol);
    const declaration = symbol?.valueDeclaration;
    return declaration && `${basename(declaration.getSourceFile().fileName)}:${symbol.name}`;
  }

  function textOf(node, call) {
    if (node && ts.isStringLiteralLike(node)) return node.text;
    const source = call.getSourceFile();
    const { line } = source.getLineAndCharacterOfPosition(call.getStart());
    throw new Error(`${source.fileName}:${line + 1}: this argument must be a string literal: ${call.getText()}`);
  }

  function visit(node, file) {
    if (ts.isCallExpression(node)) {
      const [first, second] = node.arguments;
      const callee = calleeOf(node);
      if (callee === "translator.ts:phrase") sentences.get(file).push(textOf(first, node));
      // An argument that is no literal has been marked by phrase() where it was written.
      if (callee === "translator.ts:translate" && ts.isStringLiteralLike(first)) sentences.get(file).push(first.text);
      if (callee === "dom.ts:makeButton") parts.get(file).push(textOf(second, node));
      if (callee === "dom.ts:make" && second && ts.isObjectLiteralExpression(second)) {
        for (const property of second.properties) {
          if (ts.isPropertyAssignment(property) && property.name.text === "part") {
            parts.get(file).push(...textOf(property.initializer, node).split(" "));
          }
        }
      }
    }
    ts.forEachChild(node, (child) => visit(child, file));
  }

  for (const file of files) visit(program.getSourceFile(file), file);
  return { sentences, parts };
}
