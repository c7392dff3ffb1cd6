/** Progress while something is done. Plain JSON; the terminal and `--json` readers render it. */
export type FnmeshEvent =
  /** Free text that a person should see while waiting. */
  | { type: 'note'; text: string }
  /** Something is odd, the command goes on. */
  | { type: 'warning'; text: string }
  /** A version's build started, ended or was not needed. `ms` is wall time in milliseconds. */
  | { type: 'build'; version: string; state: 'started' | 'built' | 'unchanged' | 'failed'; ms?: number }
  /** A version's deploy through the Fn API. */
  | {
      type: 'deploy';
      version: string;
      state: 'started' | 'created' | 'updated' | 'unchanged' | 'failed';
      ms?: number;
    }
  /** An image goes to its registry, or into the container tool of this machine. `bytes`: what had to be sent. */
  | { type: 'push'; image: string; state: 'started' | 'pushed' | 'failed'; bytes?: number }
  /** The embedded server was started because it was needed. */
  | { type: 'server'; state: 'starting' | 'started'; text: string }
  /** How far a probe is: requests sent, of how many (absent when time-bound), and observed counts per version. */
  | { type: 'probe'; sent: number; of?: number; observed: Record<string, number>; errors: number };

/** Takes an event; never throws. */
export type Emit = (event: FnmeshEvent) => void;
