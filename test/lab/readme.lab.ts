// README's section "On Kubernetes", command by command as it stands there.
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Workplace } from '../helpers/cli.js';
import { expectStep, numbered, type RanStep, runSteps, sectionOf, stepsOf } from '../helpers/readme-steps.js';
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

it.each(numbered(steps))('%s', (_, at, step) => expectStep(step, ran[at]!));
