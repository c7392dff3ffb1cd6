import { FnmeshError } from '../errors.js';

/** Whether someone is there to answer: both ends are terminals and this is no CI run. */
export function canPrompt(): boolean {
  return process.stdin.isTTY && process.stderr.isTTY && !process.env['CI'];
}

/**
 * Asks for a line of text.
 * @throws FnmeshError `usage` naming `instead` where nobody can answer, `interrupted` on Ctrl-C.
 */
export async function ask(
  question: string,
  instead: string,
  validate: (answer: string) => string | true,
): Promise<string> {
  if (!canPrompt())
    throw new FnmeshError('usage', `${question} is missing, and there is no terminal to ask on`, {
      try: instead,
    });
  const { default: inquirer } = await import('inquirer');
  const prompt = inquirer.createPromptModule({ output: process.stderr });
  const { answer } = await prompt<{ answer: string }>([
    { type: 'input', name: 'answer', message: question, validate },
  ]);
  return answer;
}

/**
 * Asks for a yes; true without asking when `yes` is set.
 * @param commandLine What was typed, with all its flags.
 * @throws FnmeshError `usage` naming `--yes` where nobody can answer.
 */
export async function confirm(question: string, yes: boolean, commandLine: string): Promise<boolean> {
  if (yes) return true;
  if (!canPrompt())
    throw new FnmeshError('usage', `this needs a yes, and there is no terminal to ask on`, {
      try: `${commandLine} --yes`,
    });
  const { default: inquirer } = await import('inquirer');
  const prompt = inquirer.createPromptModule({ output: process.stderr });
  const { answer } = await prompt<{ answer: boolean }>([
    { type: 'confirm', name: 'answer', message: question, default: false },
  ]);
  return answer;
}
