// What the CLI and the embedded server say to each other over the control socket: HTTP/1.1 with JSON bodies on a
// unix socket that only its owner can open. Pure types.
import type { FnChange } from '../fn/model.js';
import type { Change, Reason, RouteChange, RouteTable, Served, VersionTraffic } from '../router/router.js';

/** Raised when either side could misunderstand the other. Since 2 a destination may be on another Fn server. */
export const PROTOCOL = 2;

/** GET / */
export type ServerInfo = {
  version: string;
  protocol: number;
  pid: number;
  /** RFC 3339. */
  startedAt: string;
  /** `http://127.0.0.1:8080` */
  fnUrl: string;
  /** `http://127.0.0.1:8082` */
  gatewayUrl: string;
  /** True once it has been told to end and only answers the calls that are under way. */
  stopping: boolean;
  /** What the user should know, such as a state file that was restored from its previous copy. */
  warnings: string[];
};

/** POST /builds: makes a build runnable. The same image again replaces it. */
export type BuildRegistration = {
  /** `fnmesh.local/<app>/<fn>:<hash12>` */
  image: string;
  /** Absolute path of the build folder, the process's working directory. */
  dir: string;
  /** The program and its arguments; a relative program is looked up in `dir`. */
  command: string[];
  /** Set instead of a runnable command: why it cannot run on the embedded server. */
  cannotRun?: string;
};

/** POST /warm: starts a process of the fn as it is, or as it would be after `change`, and waits until it listens. */
export type WarmRequest = { fnId: string; change?: FnChange };
/** The answer of /warm. `logs` are the last lines the process wrote. */
export type WarmResult = { ready: true } | { ready: false; why: string; logs: string[] };

/** GET /functions?app=NAME: what runs, per fn of the app. */
export type FunctionState = {
  fnId: string;
  fn: string;
  image: string;
  /** Set when the image is no build that can run here. */
  cannotRun?: string;
  processes: { starting: number; idle: number; busy: number };
};

/** One line that a function wrote. */
export type LogLine = {
  /** Rises by one with every line of the server. */
  seq: number;
  /** RFC 3339 with milliseconds. */
  at: string;
  fnId: string;
  fn: string;
  app: string;
  /** The call during which it was written; null before the first call of its process. */
  callId: string | null;
  stream: 'stdout' | 'stderr';
  text: string;
};

/** Method, path, request body and answer of every control call. Errors: status ≥ 400 with `ControlError`. */
export type ControlCalls = {
  info: { call: 'GET /'; body: undefined; answer: ServerInfo };
  /** The names of the apps that have routes, in order. */
  apps: { call: 'GET /apps'; body: undefined; answer: string[] };
  /** `/routes?app=NAME` */
  routes: { call: 'GET /routes'; body: undefined; answer: RouteTable };
  /** 409 with code `conflict` when a revision differs. */
  write: { call: 'POST /routes'; body: { changes: RouteChange[]; reason: Reason }; answer: RouteTable };
  /** `/history?app=NAME[&function=NAME]` */
  history: { call: 'GET /history'; body: undefined; answer: Change[] };
  /** `/traffic?app=NAME` */
  traffic: { call: 'GET /traffic'; body: undefined; answer: Record<string, VersionTraffic[]> };
  /** `/served?app=NAME&function=NAME` */
  served: { call: 'GET /served'; body: undefined; answer: Served | null };
  /** `/drained?app=NAME&function=NAME&version=V&timeoutMs=N` */
  drained: { call: 'GET /drained'; body: undefined; answer: { drained: boolean } };
  builds: { call: 'POST /builds'; body: BuildRegistration[]; answer: { registered: number } };
  listBuilds: { call: 'GET /builds'; body: undefined; answer: BuildRegistration[] };
  warm: { call: 'POST /warm'; body: WarmRequest; answer: WarmResult };
  /** `/functions?app=NAME` */
  functions: { call: 'GET /functions'; body: undefined; answer: FunctionState[] };
  /** `/logs?fnId=ID&fnId=ID…&tail=N[&follow=1]`: NDJSON of LogLine; with follow it never ends. */
  logs: { call: 'GET /logs'; body: undefined; answer: LogLine };
  /** Answers, then drains and ends. */
  stop: { call: 'POST /stop'; body: undefined; answer: { stopping: true } };
};

/** The body of every control answer with a status of 400 and more. */
export type ControlError = {
  code: 'usage' | 'not_found' | 'conflict' | 'failed';
  message: string;
  /** One command or edit that helps. */
  try?: string;
};
