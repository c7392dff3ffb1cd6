// Flags of init and add.
import { Flags } from '@oclif/core';
import { RUNTIMES } from '../scaffold/templates.js';

/** The template's language. */
export const runtimeFlag = Flags.option({
  options: RUNTIMES,
  description: 'language of the functions (default: go where it is installed, else node)',
})();
/** Takes the version's files from elsewhere. */
export const templateFlag = Flags.string({
  description: "a folder or git repository to take each version's files from",
  helpValue: 'PATH|GIT-URL[#ref]',
});
