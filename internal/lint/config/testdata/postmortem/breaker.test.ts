it('opens circuit after 5 failures', async () => {
  const mockFn = vi.fn().mockRejectedValue(new Error('timeout'));
  const breaker = new CircuitBreaker(mockFn, { errorThreshold: 5 });
});
