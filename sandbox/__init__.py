"""Simulated upstreams over one deterministic world, for the demo, the tests and the benchmarks.

`World` is the world; `sandbox.server.serve` answers for OpenDota and FACEIT over it; `sandbox.truth.truth` and
`sandbox.faceit.truth.truth` say what must come out; `sandbox.benchmark` generates rows and pages in bulk. Nothing that
ships data imports this package.
"""
