import { styleText } from 'node:util';

type Colour = 'red' | 'green' | 'yellow' | 'cyan' | 'dim' | 'bold';

/** Whether colours may be written to the stream: a terminal, and neither NO_COLOR nor TERM=dumb. FORCE_COLOR=0 turns them off too. */
function colourful(stream: NodeJS.WriteStream): boolean {
  const { NO_COLOR, FORCE_COLOR, TERM } = process.env;
  if (NO_COLOR || FORCE_COLOR === '0' || TERM === 'dumb') return false;
  return stream.isTTY || (FORCE_COLOR !== undefined && FORCE_COLOR !== '');
}

/** The text in a colour where the stream is a terminal, else as it is. Only for text whose layout is done. */
export function paint(colour: Colour, text: string, stream: NodeJS.WriteStream = process.stdout): string {
  return colourful(stream) ? styleText(colour, text) : text;
}
