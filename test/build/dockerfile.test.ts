import { describe, expect, test } from 'vitest';
import type { DockerfileInput } from '../../src/build/dockerfile.js';
import { dockerfileFor } from '../../src/build/dockerfile.js';
import type { FuncFile } from '../../src/project/project.js';

const input = (
  func: Partial<FuncFile>,
  names: string[] = [],
  more: Partial<DockerfileInput> = {},
): DockerfileInput => ({
  file: '/app/cart/v1/func.yaml',
  func: {
    schema_version: 20180708,
    name: 'cart',
    version: '0.0.1',
    config: {},
    annotations: {},
    triggers: [],
    ...func,
  },
  names: new Set(names),
  installReadsSource: false,
  ...more,
});
const made = (...args: Parameters<typeof input>): string => dockerfileFor(input(...args));

describe('the Dockerfile of', () => {
  test('go', () => {
    const stamped = { build_image: 'fnproject/go:1.24-dev', run_image: 'registry.test/own/go:1' };
    expect(made({ runtime: 'go', entrypoint: './func', ...stamped }, ['go.mod'])).toMatchInlineSnapshot(`
      "FROM fnproject/go:1.24-dev AS build-stage
      WORKDIR /function
      WORKDIR /go/src/func
      COPY . /go/src/func/
      RUN go mod tidy
      RUN go build -o func
      FROM registry.test/own/go:1
      WORKDIR /function
      COPY --from=build-stage /go/src/func/func /function/
      ENTRYPOINT ["./func"]
      "
    `);
  });

  test('node, as fn init stamps it, with a lock', () => {
    const stamped = { build_image: 'fnproject/node:22-dev', run_image: 'fnproject/node:22' };
    const func = { runtime: 'node', entrypoint: 'node func.js', ...stamped };
    expect(made(func, ['func.js', 'package.json', 'package-lock.json', '.npmrc'])).toMatchInlineSnapshot(`
      "FROM fnproject/node:22-dev AS build-stage
      WORKDIR /function
      COPY package.json package-lock.json .npmrc /function/
      RUN npm ci --omit=dev --no-audit --no-fund && mkdir -p node_modules
      FROM fnproject/node:22
      WORKDIR /function
      COPY . /function/
      COPY --from=build-stage /function/node_modules/ /function/node_modules/
      RUN chmod -R o+rX /function
      ENTRYPOINT ["node", "func.js"]
      "
    `);
  });

  test('node without a lock, whose install runs scripts of the folder', () => {
    expect(made({ runtime: 'node' }, ['package.json'], { installReadsSource: true })).toMatchInlineSnapshot(`
      "FROM fnproject/node:24-dev AS build-stage
      WORKDIR /function
      COPY . /function/
      RUN npm install --omit=dev --no-audit --no-fund && mkdir -p node_modules
      FROM fnproject/node:24
      WORKDIR /function
      COPY --from=build-stage /function/ /function/
      RUN chmod -R o+rX /function
      ENTRYPOINT ["node", "func.js"]
      "
    `);
  });

  test('node without packages', () => {
    expect(made({ runtime: 'node20' })).toMatchInlineSnapshot(`
      "FROM fnproject/node:20-dev AS build-stage
      WORKDIR /function
      FROM fnproject/node:20
      WORKDIR /function
      COPY . /function/
      RUN chmod -R o+rX /function
      ENTRYPOINT ["node", "func.js"]
      "
    `);
  });

  test('python', () => {
    const entrypoint = '/python/bin/fdk /function/func.py handler';
    expect(made({ runtime: 'python3.11', entrypoint }, ['requirements.txt'])).toMatchInlineSnapshot(`
      "FROM fnproject/python:3.11-dev AS build-stage
      WORKDIR /function
      COPY requirements.txt /function/
      RUN pip3 install --target /python/ --no-cache-dir -r requirements.txt && chmod -R o+rX /python
      COPY . /function/
      FROM fnproject/python:3.11
      WORKDIR /function
      COPY --from=build-stage /python /python
      COPY --from=build-stage /function /function
      RUN chmod -R o+rX /function
      ENV PYTHONPATH=/function:/python
      ENTRYPOINT ["/python/bin/fdk", "/function/func.py", "handler"]
      "
    `);
  });

  test('python whose requirements lie in its folder', () => {
    expect(made({ runtime: 'python' }, ['requirements.txt'], { installReadsSource: true }))
      .toMatchInlineSnapshot(`
      "FROM fnproject/python:3.12-dev AS build-stage
      WORKDIR /function
      COPY . /function/
      RUN pip3 install --target /python/ --no-cache-dir -r requirements.txt && chmod -R o+rX /python
      FROM fnproject/python:3.12
      WORKDIR /function
      COPY --from=build-stage /python /python
      COPY --from=build-stage /function /function
      RUN chmod -R o+rX /function
      ENV PYTHONPATH=/function:/python
      ENTRYPOINT ["/python/bin/fdk", "/function/func.py", "handler"]
      "
    `);
  });

  test('python without requirements', () => {
    expect(made({ runtime: 'python' })).toMatchInlineSnapshot(`
      "FROM fnproject/python:3.12-dev AS build-stage
      WORKDIR /function
      RUN mkdir -p /python
      COPY . /function/
      FROM fnproject/python:3.12
      WORKDIR /function
      COPY --from=build-stage /python /python
      COPY --from=build-stage /function /function
      RUN chmod -R o+rX /function
      ENV PYTHONPATH=/function:/python
      ENTRYPOINT ["/python/bin/fdk", "/function/func.py", "handler"]
      "
    `);
  });

  test('ruby', () => {
    const names = ['Gemfile', 'Gemfile.lock'];
    expect(made({ runtime: 'ruby', entrypoint: 'ruby func.rb' }, names)).toMatchInlineSnapshot(`
      "FROM fnproject/ruby:3.3-dev AS build-stage
      WORKDIR /function
      COPY Gemfile Gemfile.lock /function/
      RUN bundle install
      FROM fnproject/ruby:3.3
      WORKDIR /function
      COPY --from=build-stage /usr/lib/ruby/gems/ /usr/lib/ruby/gems/
      COPY . /function/
      RUN chmod -R o+rX /function
      ENTRYPOINT ["ruby", "func.rb"]
      "
    `);
  });

  test('java', () => {
    const func = { runtime: 'java', cmd: 'com.example.fn.HelloFunction::handleRequest' };
    expect(made(func, ['pom.xml'], { javaFdk: '1.1.7' })).toMatchInlineSnapshot(`
      "FROM fnproject/fn-java-fdk-build:jdk21-1.1.7 AS build-stage
      WORKDIR /function
      ENV MAVEN_OPTS=-Dmaven.repo.local=/usr/share/maven/ref/repository
      COPY pom.xml /function/pom.xml
      RUN ["mvn", "-B", "package", "dependency:copy-dependencies", "-DincludeScope=runtime", "-DskipTests=true", "-Dmdep.prependGroupId=true", "-DoutputDirectory=target", "--fail-never"]
      COPY src /function/src
      RUN ["mvn", "-B", "package"]
      FROM fnproject/fn-java-fdk:jre21-1.1.7
      WORKDIR /function
      COPY --from=build-stage /function/target/*.jar /function/app/
      CMD ["com.example.fn.HelloFunction::handleRequest"]
      "
    `);
  });

  test('kotlin', () => {
    const func = { runtime: 'kotlin', cmd: 'com.fn.example.HelloFunctionKt::hello' };
    expect(made(func, ['pom.xml'], { javaFdk: '1.1.7' })).toMatchInlineSnapshot(`
      "FROM fnproject/fn-java-fdk-build:jdk11-1.1.7 AS build-stage
      WORKDIR /function
      ENV MAVEN_OPTS=-Dmaven.repo.local=/usr/share/maven/ref/repository
      COPY pom.xml /function/pom.xml
      RUN ["mvn", "-B", "package", "dependency:copy-dependencies", "-DincludeScope=runtime", "-DskipTests=true", "-Dmdep.prependGroupId=true", "-DoutputDirectory=target", "--fail-never"]
      COPY src /function/src
      RUN ["mvn", "-B", "package"]
      FROM fnproject/fn-java-fdk:jre11-1.1.7
      WORKDIR /function
      COPY --from=build-stage /function/target/*.jar /function/app/
      CMD ["com.fn.example.HelloFunctionKt::hello"]
      "
    `);
  });
});

describe('which images', () => {
  const froms = (text: string): string[] => text.match(/(?<=^FROM )\S+/gm) ?? [];
  const pom: Parameters<typeof input>[1] = ['pom.xml'];
  test.each<[string, Partial<FuncFile>, string[], string?]>([
    ['go', {}, ['fnproject/go:1.24-dev', 'fnproject/go:1.24']],
    ['go1.23', {}, ['fnproject/go:1.23-dev', 'fnproject/go:1.23']],
    ['node', {}, ['fnproject/node:24-dev', 'fnproject/node:24']],
    ['python', {}, ['fnproject/python:3.12-dev', 'fnproject/python:3.12']],
    ['ruby', {}, ['fnproject/ruby:3.3-dev', 'fnproject/ruby:3.3']],
    ['node', { run_image: 'a/b@sha256:00' }, ['fnproject/node:24-dev', 'a/b@sha256:00']],
    ['java17', {}, ['fnproject/fn-java-fdk-build:jdk17-1.0.9', 'fnproject/fn-java-fdk:jre17-1.0.9'], '1.0.9'],
    ['java8', {}, ['fnproject/fn-java-fdk-build:1.0.9', 'fnproject/fn-java-fdk:1.0.9'], '1.0.9'],
    ['java', { build_image: 'jdk', run_image: 'jre' }, ['jdk', 'jre']],
  ])('%s %j', (runtime, func, images, javaFdk) => {
    const more = javaFdk === undefined ? {} : { javaFdk };
    expect(froms(made({ runtime, cmd: 'a::b', ...func }, pom, more))).toEqual(images);
  });
});

describe('what is run', () => {
  const end = (func: Partial<FuncFile>): string =>
    made({ runtime: 'node', ...func })
      .trimEnd()
      .split('\n')
      .filter((line) => /^(ENTRYPOINT|CMD)/.test(line))
      .join(' | ');
  test.each<[Partial<FuncFile>, string]>([
    [{}, 'ENTRYPOINT ["node", "func.js"]'],
    [{ entrypoint: ' node  a.js\tb ' }, 'ENTRYPOINT ["node", "a.js", "b"]'],
    [{ cmd: 'x y' }, 'CMD ["x", "y"]'],
    [{ entrypoint: 'node', cmd: 'a.js' }, 'ENTRYPOINT ["node"] | CMD ["a.js"]'],
    // Quotes mean nothing to Fn, and must not end the JSON.
    [{ entrypoint: 'node "a b" \\' }, 'ENTRYPOINT ["node", "\\"a", "b\\"", "\\\\"]'],
    [{ entrypoint: 'node a.js\nRUN evil' }, 'ENTRYPOINT ["node", "a.js", "RUN", "evil"]'],
  ])('%j', (func, line) => expect(end(func)).toBe(line));
});

describe('no Dockerfile', () => {
  test.each<[string, Partial<FuncFile>, string[], RegExp]>([
    [
      'unknown',
      { runtime: 'cobol' },
      [],
      /func\.yaml: runtime cobol is none of go, node, python, ruby, java, kotlin/,
    ],
    ['dotnet', { runtime: 'dotnet9.0' }, [], /runtime dotnet9\.0 is none of/],
    ['docker', { runtime: 'docker' }, [], /runtime docker needs a Dockerfile/],
    ['none', {}, [], /names no runtime/],
    ['no version', { runtime: 'node-24' }, [], /runtime node-24 is none of/],
    ['another spelling', { runtime: 'nodejs' }, [], /runtime nodejs is none of/],
    ['a prototype', { runtime: 'constructor' }, [], /runtime constructor is none of/],
    ['no pom', { runtime: 'java', cmd: 'a::b' }, [], /no pom\.xml/],
    ['no FDK', { runtime: 'java', cmd: 'a::b' }, ['pom.xml'], /which images/],
    ['no cmd', { runtime: 'java', build_image: 'a', run_image: 'b' }, ['pom.xml'], /cmd is missing/],
    ['a flag', { runtime: 'node', build_image: '--x' }, [], /build_image "--x" is no image name/],
    ['lines', { runtime: 'node', run_image: 'a\nRUN x' }, [], /run_image "a\\nRUN x" is no image name/],
  ])('%s', (_, func, names, why) => {
    expect(() => made(func, names)).toThrow(why);
    expect(() => made(func, names)).toThrow(
      expect.objectContaining({ code: 'config', try: expect.stringMatching(/\S/) as string }) as Error,
    );
  });
});
