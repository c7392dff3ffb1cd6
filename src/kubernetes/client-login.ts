// What every request to an API server carries: who asks, and the connections on which it is trusted.
import { readFile } from 'node:fs/promises';
import type { Agent } from 'node:http';
import { FnmeshError, messageOf } from '../errors.js';
import type { Emit } from '../events.js';
import { runPlugin } from './client-exec.js';
import type { Access } from './client-kubeconfig.js';
import type { LibraryLogin } from './client-library.js';
import { proxyFor } from './client-proxy.js';

/** Headers of a request, and the agent that makes its connections. */
export type Signed = { headers: Record<string, string | string[]>; agent: Agent };

/** How long a token is taken from its file without a look at it, in milliseconds, as client-go has it. */
const FILE_MS = 60_000;
/** What runs out within this time has run out. */
const MARGIN_MS = 10_000;

type Credential = { headers: Record<string, string>; cert?: Buffer; key?: Buffer; expires: number | null };

/** Gives what requests carry, and makes it anew when it runs out or is refused. */
export class ClusterLogin {
  #credential: Promise<Credential> | undefined;
  #agent: { agent: Agent; cert: Buffer | undefined } | undefined;
  #library: LibraryLogin | undefined;
  readonly #proxy: string | null;

  constructor(
    private readonly access: Access,
    private readonly env: NodeJS.ProcessEnv,
    private readonly emit: Emit,
  ) {
    this.#proxy = access.proxyUrl ?? proxyFor(access.server, env);
  }

  /** @throws FnmeshError `config` when there are no credentials to be had. */
  async sign(): Promise<Signed> {
    const last = this.#credential;
    const known = await last?.catch(() => undefined);
    const isOver = known === undefined || (known.expires !== null && Date.now() > known.expires - MARGIN_MS);
    // Of several requests at once only one asks for new credentials.
    if (isOver && this.#credential === last) this.#credential = this.#make();
    const { headers, cert, key } = await this.#credential!;
    const agent = await this.#agentFor(cert, key);
    return { headers: { ...headers, ...this.access.impersonate }, agent };
  }

  /** Forgets what was refused. False when the next would be the same. */
  forget(): boolean {
    const { kind } = this.access.login;
    this.#credential = undefined;
    return kind === 'exec' || kind === 'token-file' || kind === 'provider';
  }

  /** Ends the connections. */
  close(): void {
    this.#agent?.agent.destroy();
  }

  async #agentFor(cert: Buffer | undefined, key: Buffer | undefined): Promise<Agent> {
    if (this.#agent !== undefined && this.#agent.cert === cert) return this.#agent.agent;
    this.#agent?.agent.destroy();
    const agent = await this.#newAgent(cert, key);
    this.#agent = { agent, cert };
    return agent;
  }

  async #newAgent(cert: Buffer | undefined, key: Buffer | undefined): Promise<Agent> {
    const { server, tls } = this.access;
    if (this.#proxy !== null) {
      const { libraryLogin } = await import('./client-library.js');
      return (await libraryLogin(this.access, this.#proxy, { cert, key })).agent;
    }
    const { Agent } = server.startsWith('https:') ? await import('node:https') : await import('node:http');
    return new Agent({
      keepAlive: true,
      maxSockets: 16,
      scheduling: 'lifo',
      ...tls,
      ...(cert && { cert, key }),
    });
  }

  async #make(): Promise<Credential> {
    const { login } = this.access;
    switch (login.kind) {
      case 'none':
        return { headers: {}, expires: null };
      case 'token':
        return { headers: bearer(login.token), expires: null };
      case 'password': {
        const pair = Buffer.from(`${login.username}:${login.password}`).toString('base64');
        return { headers: { authorization: `Basic ${pair}` }, expires: null };
      }
      case 'token-file':
        return { headers: bearer(await this.#tokenOf(login.file)), expires: Date.now() + FILE_MS };
      case 'exec': {
        const { token, ...rest } = await runPlugin(login.plugin, this.access, this.env, this.emit);
        return { headers: token === undefined ? {} : bearer(token), ...rest };
      }
      case 'provider': {
        const { libraryLogin } = await import('./client-library.js');
        this.#library ??= await libraryLogin(this.access, this.#proxy);
        return { headers: await this.#library.headers(), expires: Date.now() + FILE_MS };
      }
    }
  }

  async #tokenOf(file: string): Promise<string> {
    try {
      return (await readFile(file, 'utf8')).trim();
    } catch (error) {
      throw new FnmeshError(
        'config',
        `the token of user ${this.access.user} cannot be read: ${messageOf(error)}`,
        {
          try: `correct tokenFile in ${this.access.from}`,
        },
      );
    }
  }
}

function bearer(token: string): Record<string, string> {
  return { authorization: `Bearer ${token}` };
}
