// What stands for a real Fn server in tests of the command line: a strict one, a real registry, and Go functions, which
// need no container tool.
import { Workplace } from './cli.js';
import { startDockerRegistry, type DockerRegistry } from './docker-registry.js';
import { startStrictFn, type StrictFn } from './strict-fn.js';

/** A registry and an Fn server, with a folder to work in whose commands go there. */
export type RealServer = {
  place: Workplace;
  fn: StrictFn;
  registry: DockerRegistry;
  close: () => Promise<void>;
};

/** Starts all three; FN_API_URL and FN_REGISTRY are set unless told otherwise. */
export async function realServer({ variables = true } = {}): Promise<RealServer> {
  const [registry, fn] = await Promise.all([startDockerRegistry(), startStrictFn()]);
  const env: Record<string, string> = variables
    ? { FN_API_URL: fn.url, FN_REGISTRY: `${registry.host}/me` }
    : {};
  const place = new Workplace(env);
  return {
    place,
    fn,
    registry,
    async close() {
      await place.close();
      await fn.close();
      await registry.stop();
    },
  };
}

/** Files of an app of Go functions: `{ 'cart/v1': 'text' }`, or `{ price: 'text' }` for one without version folders. */
export function goApp(app: string, functions: Record<string, string>, yaml = ''): Record<string, string> {
  const files: Record<string, string> = { [`${app}/app.yaml`]: `name: ${app}\n` };
  for (const [folder, text] of Object.entries(functions)) {
    for (const [name, content] of Object.entries(goFunction(folder, text, yaml))) {
      files[`${app}/${folder}/${name}`] = content;
    }
  }
  return files;
}

/** A Go function that answers `{"text": TEXT, "greeting": $GREETING}`; `yaml` goes to the end of its func.yaml. */
function goFunction(folder: string, text: string, yaml = ''): Record<string, string> {
  const name = folder.replace('/', '-');
  const trigger = `triggers:\n- name: ${name}\n  type: http\n  source: /${folder}\n`;
  return {
    'go.mod': 'module func\n\ngo 1.21\n',
    'func.go': PROGRAM.replace('TEXT', JSON.stringify(text)),
    'func.yaml': `schema_version: 20180708\nname: ${name}\nversion: 0.0.1 # counted up by --bump\nruntime: go\nentrypoint: ./func\n${yaml}${trigger}`,
  };
}

const PROGRAM = `package main

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
)

func main() {
	path := os.Getenv("FN_LISTENER")[len("unix:"):]
	own := filepath.Join(filepath.Dir(path), "own.sock")
	listener, err := net.Listen("unix", own)
	if err != nil {
		panic(err)
	}
	os.Chmod(own, 0o666)
	os.Symlink("own.sock", path)
	panic(http.Serve(listener, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "{\\"text\\":%q,\\"greeting\\":%q}", TEXT, os.Getenv("GREETING"))
	})))
}
`;
