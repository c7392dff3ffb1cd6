// Lets rows use the tests' helpers, which are TypeScript: their types are taken off, and src/ is dist/.
import { readFileSync } from 'node:fs';
import { register } from 'node:module';
import { URL } from 'node:url';
import { isMainThread } from 'node:worker_threads';
import ts from 'typescript';

let isRegistered = false;

/** The module of a helper, such as `nginx`. */
export function helper(name) {
  if (isMainThread && !isRegistered) register(import.meta.url);
  isRegistered = true;
  return import(new URL(`../helpers/${name}.ts`, import.meta.url).href);
}

/** Node's hook (node:module, customization hooks). @public */
export function resolve(specifier, context, next) {
  if (!context.parentURL?.endsWith('.ts')) return next(specifier, context);
  if (specifier.startsWith('../../src/')) return next(specifier.replace('/src/', '/dist/'), context);
  return next(specifier.replace(/^(\.\/.*)\.js$/, '$1.ts'), context);
}

/** Node's hook. @public */
export function load(url, context, next) {
  if (!url.endsWith('.ts')) return next(url, context);
  const compilerOptions = { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2022 };
  const { outputText } = ts.transpileModule(readFileSync(new URL(url), 'utf8'), { compilerOptions });
  return { format: 'module', source: outputText, shortCircuit: true };
}
