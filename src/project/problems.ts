// What is wrong with an app's files, collected so that one run names all of it.
import { relative } from 'node:path';
import { FnmeshError } from '../errors.js';
import { nearest } from '../routing/near.js';

/** One thing wrong in one file. */
export type Problem = {
  /** Absolute path. */
  file: string;
  line?: number;
  column?: number;
  text: string;
  /** One command or edit that helps. */
  try?: string;
};

const SHOWN = 20;

/** `v1/func.yaml:3:7`, relative to the folder one stands in so that a terminal can open it. */
function placeOf(problem: Problem, from: string): string {
  const path = relative(from, problem.file) || problem.file;
  return [path, problem.line, problem.column].filter((part) => part !== undefined).join(':');
}

/** One line for a problem: where, then what. */
export function problemLine(problem: Problem, from: string): string {
  return `${placeOf(problem, from)}: ${problem.text}`;
}

/** The error `config` that lists problems, at most 20 of them; its way out is the first one that has any. */
export function problemsError(problems: readonly Problem[], from: string): FnmeshError {
  const lines = problems.slice(0, SHOWN).map((problem) => problemLine(problem, from));
  if (problems.length > SHOWN) lines.push(`… and ${problems.length - SHOWN} more`);
  const wayOut = problems.find((problem) => problem.try !== undefined)?.try;
  return new FnmeshError('config', lines.join('\n'), wayOut === undefined ? {} : { try: wayOut });
}

/** ` (did you mean A or B?)`, or nothing when no known name is near. */
export function didYouMean(name: string, known: readonly string[]): string {
  const near = nearest(name, known);
  return near.length === 0 ? '' : ` (did you mean ${near.join(' or ')}?)`;
}
