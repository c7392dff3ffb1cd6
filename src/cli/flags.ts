// Flags that several commands share.
import { Flags } from '@oclif/core';

/** Names the app where one does not stand in its folder. */
export const appFlag = Flags.string({
  description: "the app's name, where you do not stand in its folder",
  helpValue: 'NAME',
});
const NAMESPACE = {
  description: 'the namespace, for a cluster',
  helpValue: 'NAME',
  helpGroup: 'TARGET',
};

/** Names where a command acts. */
export const targetFlags = {
  target: Flags.string({
    description: 'a target of fnmesh.yaml, or local (env FNMESH_TARGET)',
    helpValue: 'NAME',
    helpGroup: 'TARGET',
  }),
  'api-url': Flags.string({
    description: 'another Fn server, behind the same gateway (env FN_API_URL)',
    helpValue: 'URL',
    helpGroup: 'TARGET',
  }),
  kubeconfig: Flags.string({
    description: 'the kubeconfig, for a cluster (env KUBECONFIG)',
    helpValue: 'FILE',
    helpGroup: 'TARGET',
  }),
  context: Flags.string({
    description: "the kubeconfig's context, for a cluster",
    helpValue: 'NAME',
    helpGroup: 'TARGET',
  }),
  namespace: Flags.string({ char: 'n', ...NAMESPACE }),
};
/** The namespace where -n is a number. */
export const namespaceFlag = Flags.string(NAMESPACE);
/** Prints the plan and changes nothing. */
export const dryRunFlag = Flags.boolean({ description: 'print the plan and change nothing', default: false });
/** Kept in the history. */
export const messageFlag = Flags.string({
  char: 'm',
  description: 'why, kept in the history',
  helpValue: 'TEXT',
});
/** Confirms without a prompt. */
export const yesFlag = Flags.boolean({
  char: 'y',
  description: 'confirm without being asked',
  default: false,
});
/** The Fn API's port of a server that is started. */
export const fnPortFlag = Flags.string({
  description: 'port of the Fn API when the embedded server is started (default 8080, env FNMESH_FN_PORT)',
  helpValue: 'PORT',
});
/** The gateway's port of a server that is started. */
export const gatewayPortFlag = Flags.string({
  description:
    'port of the gateway when the embedded server is started (default 8082, env FNMESH_GATEWAY_PORT)',
  helpValue: 'PORT',
});
/** Refuses the change when someone else changed something first. */
export const ifRevisionFlag = Flags.integer({
  description: 'only if the newest change of the function is number N',
  helpValue: 'N',
  min: 0,
});
/** A header of a request to a function; again for more. */
export const headerFlag = Flags.string({
  char: 'H',
  description: 'a request header',
  multiple: true,
  multipleNonGreedy: true,
  helpValue: "'k: v'",
});
/** How a change is seen to have arrived. */
export const waitFlag = Flags.custom<'probe' | 'envoy' | 'none'>({
  description:
    'on a cluster: until it is in effect, seen by requests (probe, what --wait alone means, and the default on a terminal) or by every proxy of the gateway (envoy); none: do not wait',
  options: ['probe', 'envoy', 'none'],
  helpValue: 'probe|envoy|none',
})();
