-- With one label the answer is the label itself. With several it is an object with a boolean for each label.
CREATE FUNCTION moed.classify(
  text text, labels text[], multi boolean DEFAULT false, instructions text DEFAULT NULL,
  model text DEFAULT NULL, reasoning text DEFAULT 'non_thinking', max_tokens numeric DEFAULT NULL, tenant text DEFAULT NULL,
  priority numeric DEFAULT NULL, idempotency_key text DEFAULT NULL, metadata json DEFAULT NULL,
  notify boolean DEFAULT NULL, params json DEFAULT NULL)
RETURNS bigint LANGUAGE sql SET search_path = pg_catalog, moed, pg_temp AS $$
  SELECT moed.enqueue(
    prompt => classify.text,
    system => concat(
      CASE WHEN multi THEN
        'Decide for each of these labels whether it applies to the user''s text. Answer with a JSON object that has true or false for each label.'
      ELSE 'Classify the user''s text: choose the one label that fits best. Answer with the label alone.' END,
      chr(10), 'Labels:', chr(10), l.list, chr(10) || chr(10) || instructions),
    choices => CASE WHEN multi IS NOT true THEN coalesce(labels, '{}') END,
    schema => CASE WHEN multi THEN l.schema END,
    temperature => CASE WHEN classify.reasoning = 'non_thinking' AND moed.json_number(params, 'temperature') IS NULL THEN 0 END,
    max_tokens => coalesce(
      classify.max_tokens, moed.room_for(CASE WHEN multi THEN l.bytes + 16 * l.count ELSE l.longest END + 32, classify.reasoning)),
    model => classify.model, reasoning => classify.reasoning, tenant => classify.tenant, priority => classify.priority,
    idempotency_key => classify.idempotency_key, metadata => classify.metadata, notify => classify.notify,
    params => CASE WHEN multi OR json_typeof(classify.params) <> 'object' THEN classify.params
      ELSE concat('{"choice_probabilities":true', ',' || substring(classify.params::text FROM '^\s*\{\s*(\S.*)\}\s*$'), '}')::json
    END)
  FROM (SELECT string_agg('- ' || u.label, chr(10) ORDER BY u.number) AS list, count(*) AS count,
          coalesce(max(octet_length(u.label)), 0) AS longest, coalesce(sum(octet_length(u.label)), 0) AS bytes,
          json_build_object('type', 'object',
            'properties', coalesce(json_object_agg(u.label, json_build_object('type', 'boolean') ORDER BY u.number), '{}'),
            'required', coalesce(json_agg(u.label ORDER BY u.number), '[]'), 'additionalProperties', false) AS schema
          FROM (SELECT n.label, min(n.number) AS number FROM unnest(labels) WITH ORDINALITY AS n(label, number)
                 WHERE n.label IS NOT NULL GROUP BY n.label) AS u) AS l
   WHERE classify.text IS NOT NULL
$$;
COMMENT ON FUNCTION moed.classify(text, text[], boolean, text, text, text, numeric, text, numeric, text, json, boolean, json) IS 'Classifies a text: the answer is one of the labels, or with multi any number of them. instructions are added to the system message. Returns the job''s id; moed.classification() reads the labels. The other arguments are those of moed.enqueue().';
