export function withBreaker<T>(
  name: string,
  fn: (...args: any[]) => Promise<T>,
  opts?: Partial<BreakerOptions>
): (...args: any[]) => Promise<T> {
  const breaker = new CircuitBreaker(fn, {
    timeout: opts?.timeout ?? 5000,
    errorThresholdPercentage: opts?.errorThreshold ?? 50,
    resetTimeout: opts?.resetTimeout ?? 30000,
  });
  breaker.on('open', () => metrics.increment(`circuit.${name}.open`));
  return (...args) => breaker.fire(...args);
}
