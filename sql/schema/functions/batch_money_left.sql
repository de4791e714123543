CREATE FUNCTION moed.batch_money_left(batch uuid) RETURNS numeric
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, moed, pg_temp AS $$
BEGIN
  PERFORM FROM moed.batch_budget b WHERE b.batch_id = batch FOR UPDATE;
  RETURN (SELECT b.money_max - b.spent FROM moed.batch_budget b WHERE b.batch_id = batch);
END $$;
COMMENT ON FUNCTION moed.batch_money_left(uuid) IS 'Money that a batch may still spend at endpoints; NULL is no limit. It locks the batch''s row of moed.batch_budget until the end of the transaction: other workers wait.';
