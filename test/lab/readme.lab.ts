// README's section "On Kubernetes", command by command as it stands there.
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Workplace } from '../helpers/cli.js';
import { type RanStep, runSteps, sectionOf, stepsOf, usual } from '../helpers/readme-steps.js';
import { openLab } from './lab.js';
import { readmeSettings, readmeStage, type ReadmeStage } from './readme-stage.js';

const section = sectionOf('On Kubernetes');
const steps = stepsOf(section);
let stage: ReadmeStage;
let place: Workplace;
let ran: RanStep[];

beforeAll(async () => {
  stage = await readmeStage(openLab());
  place = new Workplace({ KUBECONFIG: stage.kubeconfig });
  const made = await place.run(['init', 'hello-app', '--runtime', 'go']);
  expect(made).toMatchObject({ code: 0 });
  place.write({ 'hello-app/fnmesh.yaml': readmeSettings(section, stage) });
  const cd = { command: 'cd hello-app', exit: 0, shows: [] };
  ran = (await runSteps([cd, ...steps], place, {})).slice(1);
}, 300_000);
afterAll(async () => {
  await place.close();
  await stage.close();
});

it('has commands', () => {
  expect(steps.filter(({ command }) => command.startsWith('fnmesh ')).length).toBeGreaterThan(8);
});

it.each(steps.map((step, at) => [step.command, at, step] as const))('%s', (_, at, { exit, shows }) => {
  const { lines, exit: exited } = ran[at]!;
  expect(exited, lines.join('\n')).toBe(exit);
  // The lines shown are among those printed, in this order.
  const printed = lines.filter((line) => shows.map(usual).includes(line));
  expect(printed, lines.join('\n')).toEqual(shows.map(usual));
});
