/**
 * State machines as data: a pure function takes a state and an event, and gives the next state and commands. What carries them
 * out does the I/O, and feeds what comes of it back.
 */

/** A state, and what is to be done on the way there. */
export interface Step<State, Command> {
  readonly state: State
  readonly commands: readonly Command[]
}

/** Commands of one kind. */
export type CommandOf<Command, Kind> = Command extends { readonly do: infer K }
  ? Kind extends K
    ? Command
    : never
  : never

/** What carries out each kind of commands. */
export type Actions<Command extends { readonly do: string }> = {
  readonly [Kind in Command['do']]: (command: CommandOf<Command, Kind>) => void
}

/** What each kind of events leads to. */
export type Handlers<State, Event extends { readonly on: string }, Command, Facts> = {
  readonly [Kind in Event['on']]: (
    state: State,
    event: Extract<Event, { readonly on: Kind }>,
    facts: Facts,
  ) => Step<State, Command>
}

/** Makes a step. */
export function stepTo<State, Command>(state: State, ...commands: readonly Command[]): Step<State, Command> {
  return { state, commands }
}

/** A step with another one after it. */
export function andThen<State, Command>(
  step: Step<State, Command>,
  next: (state: State) => Step<State, Command>,
): Step<State, Command> {
  const { state, commands } = next(step.state)
  return { state, commands: [...step.commands, ...commands] }
}

/** Handles an event by its kind. */
export function handle<State, Event extends { readonly on: string }, Command, Facts>(
  handlers: Handlers<State, Event, Command, Facts>,
  state: State,
  event: Event,
  facts: Facts,
): Step<State, Command> {
  const { [event.on as Event['on']]: handler } = handlers
  return (handler as (state: State, event: Event, facts: Facts) => Step<State, Command>)(state, event, facts)
}

/** A machine that runs. */
export interface Machine<State, Event> {
  state(): State
  /** Takes an event. One that a command brings about waits until all other commands of its step are carried out. */
  feed(event: Event): void
}

/**
 * Runs a machine.
 * @param onChange told of each event that has changed the state
 */
export function runMachine<State, Event, Command extends { readonly do: string }>(
  begin: State,
  step: (state: State, event: Event) => Step<State, Command>,
  actions: Actions<Command>,
  onChange: (event: Event, before: State, after: State) => void,
): Machine<State, Event> {
  const events: Event[] = []
  let state = begin
  let isStepping = false
  const takeNext = (event: Event) => {
    const before = state
    const { state: after, commands } = step(before, event)
    state = after
    if (after !== before) onChange(event, before, after)
    for (const command of commands) {
      const { [command.do as Command['do']]: act } = actions
      ;(act as (command: Command) => void)(command)
    }
  }
  return {
    state: () => state,
    feed(event) {
      events.push(event)
      if (isStepping) return
      isStepping = true
      try {
        for (let next = events.shift(); next !== undefined; next = events.shift()) takeNext(next)
      } finally {
        isStepping = false
      }
    },
  }
}
