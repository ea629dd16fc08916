// The few names of preact, its hooks and htm that the page uses.
export type Node = object;
export function html(strings: TemplateStringsArray, ...values: unknown[]): Node;
export function render(tree: Node | null, parent: Element): void;
export function useEffect(effect: () => void | (() => void), inputs?: readonly unknown[]): void;
export function useLayoutEffect(effect: () => void | (() => void), inputs?: readonly unknown[]): void;
export function useMemo<T>(make: () => T, inputs: readonly unknown[]): T;
export function useCallback<T>(call: T, inputs: readonly unknown[]): T;
export function useId(): string;
export function useRef<T>(initial: T): { current: T };
export function useState<T>(initial: T | (() => T)): [T, (next: T | ((previous: T) => T)) => void];
