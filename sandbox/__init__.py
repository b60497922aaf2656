"""Simulated upstreams over one deterministic world, for the demo, the tests and the benchmarks.

`World` is the simulated world; `sandbox.server.serve` serves OpenDota and FACEIT over it; `sandbox.truth.truth` and
`sandbox.faceit.truth.truth` compute the expected results; `sandbox.benchmark` generates rows and pages in bulk. No
package that ships data imports this one.
"""
