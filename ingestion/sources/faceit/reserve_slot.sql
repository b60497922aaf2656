-- Reserve the next time slot of a request; returns the seconds until then.
INSERT INTO ops.request_slots AS slots (source, next_at)
VALUES (%(source)s, clock_timestamp() + %(spacing)s * interval '1 second')
ON CONFLICT (source) DO UPDATE SET
    next_at = greatest(slots.next_at, clock_timestamp()) + %(spacing)s * interval '1 second'
RETURNING extract(epoch FROM next_at - %(spacing)s * interval '1 second' - clock_timestamp())::double precision
