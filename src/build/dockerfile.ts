// The Dockerfile of a version that has none: what Fn's own builder would make of its func.yaml. Pure.
import { FnmeshError } from '../errors.js';
import type { FuncFile } from '../project/project.js';
import { wordsOf } from './command.js';

/** What of a version's folder decides on its Dockerfile. */
export type DockerfileInput = {
  /** The path of func.yaml, for messages. */
  file: string;
  func: FuncFile;
  /** The names of the files in the folder itself. */
  names: ReadonlySet<string>;
  /** Whether installing its packages reads more than the list of them, such as scripts or packages in its folder. */
  installReadsSource: boolean;
  /** The version of Fn's Java FDK that pom.xml names. */
  javaFdk?: string;
};

type Images = { build: string; run: string };
type Recipe = {
  /** The newest version that Fn's tool knows. */
  newest: string;
  images(version: string, input: DockerfileInput): Images;
  /** Steps of the first stage, after WORKDIR /function. */
  build(input: DockerfileInput): string[];
  /** Steps of the second stage, after WORKDIR /function. */
  copy(input: DockerfileInput): string[];
  /** What is run when func.yaml names neither entrypoint nor cmd. */
  entrypoint?: string[];
};

const ALL = 'COPY . /function/';
// Functions run as user 1000, whoever owns the files.
const READABLE = 'RUN chmod -R o+rX /function';

const fnproject = (language: string) => (version: string) => ({
  build: `fnproject/${language}:${version}-dev`,
  run: `fnproject/${language}:${version}`,
});

const maven = (newest: string): Recipe => ({
  newest,
  images: javaImages,
  build: () => [
    'ENV MAVEN_OPTS=-Dmaven.repo.local=/usr/share/maven/ref/repository',
    'COPY pom.xml /function/pom.xml',
    // Dependencies first: a layer that stays while only the code changes.
    `RUN ${execForm('mvn -B package dependency:copy-dependencies -DincludeScope=runtime -DskipTests=true -Dmdep.prependGroupId=true -DoutputDirectory=target --fail-never')}`,
    'COPY src /function/src',
    `RUN ${execForm('mvn -B package')}`,
  ],
  copy: () => ['COPY --from=build-stage /function/target/*.jar /function/app/'],
});

const RECIPES: Record<string, Recipe> = {
  go: {
    newest: '1.24',
    images: fnproject('go'),
    build: () => ['WORKDIR /go/src/func', 'COPY . /go/src/func/', 'RUN go mod tidy', 'RUN go build -o func'],
    copy: () => ['COPY --from=build-stage /go/src/func/func /function/'],
    entrypoint: ['./func'],
  },
  node: {
    newest: '24',
    images: fnproject('node'),
    build: ({ names, installReadsSource }) => {
      if (!names.has('package.json')) return [];
      const locks = ['package-lock.json', 'npm-shrinkwrap.json'].filter((name) => names.has(name));
      const lists = ['package.json', ...locks, ...(names.has('.npmrc') ? ['.npmrc'] : [])];
      const install = `npm ${locks.length > 0 ? 'ci' : 'install'} --omit=dev --no-audit --no-fund`;
      return [
        installReadsSource ? ALL : `COPY ${lists.join(' ')} /function/`,
        // npm makes no folder when there is nothing to install.
        `RUN ${install} && mkdir -p node_modules`,
      ];
    },
    copy: ({ names, installReadsSource }) => {
      if (!names.has('package.json')) return [ALL, READABLE];
      // Scripts may have written beside node_modules.
      if (installReadsSource) return ['COPY --from=build-stage /function/ /function/', READABLE];
      return [ALL, 'COPY --from=build-stage /function/node_modules/ /function/node_modules/', READABLE];
    },
    entrypoint: ['node', 'func.js'],
  },
  python: {
    newest: '3.12',
    images: fnproject('python'),
    build: ({ names, installReadsSource }) => {
      if (!names.has('requirements.txt')) return ['RUN mkdir -p /python', ALL];
      const install = 'RUN pip3 install --target /python/ --no-cache-dir -r requirements.txt';
      const readable = 'chmod -R o+rX /python';
      if (installReadsSource) return [ALL, `${install} && ${readable}`];
      return ['COPY requirements.txt /function/', `${install} && ${readable}`, ALL];
    },
    copy: () => [
      'COPY --from=build-stage /python /python',
      'COPY --from=build-stage /function /function',
      READABLE,
      'ENV PYTHONPATH=/function:/python',
    ],
    entrypoint: ['/python/bin/fdk', '/function/func.py', 'handler'],
  },
  ruby: {
    newest: '3.3',
    images: fnproject('ruby'),
    build: ({ names, installReadsSource }) => {
      if (!names.has('Gemfile')) return [];
      const lists = ['Gemfile', 'Gemfile.lock'].filter((name) => names.has(name));
      return [installReadsSource ? ALL : `COPY ${lists.join(' ')} /function/`, 'RUN bundle install'];
    },
    // Fn's images keep their gems there (GEM_HOME).
    copy: () => ['COPY --from=build-stage /usr/lib/ruby/gems/ /usr/lib/ruby/gems/', ALL, READABLE],
    entrypoint: ['ruby', 'func.rb'],
  },
  // The entrypoint is the image's; func.yaml's cmd names the method.
  java: maven('21'),
  kotlin: maven('11'),
};

const LANGUAGES = Object.keys(RECIPES).join(', ');

/**
 * The Dockerfile: two stages, as Fn's builder writes them (fnproject/cli 0.6.63, common/common.go and langs/). Differs
 * on purpose: what `fn init` did not stamp into func.yaml (`build_image`, `run_image`) is the newest image of the
 * language that Fn's tool knows (go 1.24, node 24, python 3.12, ruby 3.3, java 21), where Fn's builder falls back to an
 * old one; packages are always installed in the image, never taken from the folder; and without entrypoint and cmd the
 * language's own entrypoint counts. Java's images are numbered by the FDK that pom.xml names.
 * @throws FnmeshError `config` for an image name that is none, a Java function without pom.xml or cmd, and a runtime
 * that is none of go, node, python, ruby, java and kotlin, with or without a version.
 */
export function dockerfileFor(input: DockerfileInput): string {
  const { func, file } = input;
  const { recipe, version } = recipeOf(func.runtime ?? '') ?? {};
  if (recipe === undefined || version === undefined) throw noRecipe(file, func.runtime);
  const { build, run } = imagesOf(input, recipe, version);
  const lines = [`FROM ${build} AS build-stage`, 'WORKDIR /function', ...recipe.build(input)];
  lines.push(`FROM ${run}`, 'WORKDIR /function', ...recipe.copy(input));
  const [entrypoint, cmd] = [wordsOf(func.entrypoint), wordsOf(func.cmd)];
  if (entrypoint.length + cmd.length === 0) {
    if (recipe.entrypoint === undefined) {
      const message = `${file}: cmd is missing; it names the method to call`;
      throw new FnmeshError('config', message, {
        try: 'add cmd: com.example.fn.HelloFunction::handleRequest',
      });
    }
    lines.push(`ENTRYPOINT ${execForm(recipe.entrypoint)}`);
  }
  if (entrypoint.length > 0) lines.push(`ENTRYPOINT ${execForm(entrypoint)}`);
  if (cmd.length > 0) lines.push(`CMD ${execForm(cmd)}`);
  return `${lines.join('\n')}\n`;
}

function recipeOf(runtime: string): { recipe: Recipe; version: string } | undefined {
  const [, language = '', version = ''] = /^([a-z]+)((?:\d[\d.]*)?)$/.exec(runtime) ?? [];
  const recipe = Object.hasOwn(RECIPES, language) ? RECIPES[language] : undefined;
  return recipe && { recipe, version };
}

function imagesOf(input: DockerfileInput, recipe: Recipe, version: string): Images {
  const { build_image, run_image } = input.func;
  for (const [key, image] of Object.entries({ build_image, run_image })) {
    if (image === undefined || /^[A-Za-z0-9][\w.:/@-]*$/.test(image)) continue;
    const message = `${input.file}: ${key} ${JSON.stringify(image)} is no image name`;
    throw new FnmeshError('config', message, { try: `write it as fnproject/node:24, or take ${key} away` });
  }
  if (build_image !== undefined && run_image !== undefined) return { build: build_image, run: run_image };
  const { build, run } = recipe.images(version || recipe.newest, input);
  return { build: build_image ?? build, run: run_image ?? run };
}

function javaImages(version: string, { file, names, javaFdk }: DockerfileInput): Images {
  if (!names.has('pom.xml')) {
    const message = `${file}: there is no pom.xml beside it, and Fn builds Java with Maven`;
    throw new FnmeshError('config', message, { try: 'write a pom.xml, or a Dockerfile' });
  }
  if (javaFdk === undefined) {
    const message = `${file}: neither build_image and run_image, nor <fdk.version> in pom.xml, say which images to build with`;
    const images = `build_image: fnproject/fn-java-fdk-build:jdk${version}-1.1.7 and run_image: fnproject/fn-java-fdk:jre${version}-1.1.7`;
    throw new FnmeshError('config', message, { try: `add ${images}` });
  }
  // Those of Java 8 came first, and without a prefix.
  const [jdk, jre] = version === '8' ? ['', ''] : [`jdk${version}-`, `jre${version}-`];
  return {
    build: `fnproject/fn-java-fdk-build:${jdk}${javaFdk}`,
    run: `fnproject/fn-java-fdk:${jre}${javaFdk}`,
  };
}

function noRecipe(file: string, runtime: string | undefined): FnmeshError {
  const what =
    runtime === undefined || runtime === ''
      ? 'names no runtime'
      : runtime === 'docker'
        ? 'runtime docker needs a Dockerfile beside it'
        : `runtime ${runtime} is none of ${LANGUAGES}`;
  return new FnmeshError('config', `${file}: ${what}`, {
    try: `write a Dockerfile beside it, or a runtime: ${LANGUAGES}`,
  });
}

function execForm(command: string | readonly string[]): string {
  const words = typeof command === 'string' ? wordsOf(command) : command;
  return `[${words.map((word) => JSON.stringify(word)).join(', ')}]`;
}
