-- Fills the empty world. Every property has a number i; its range says what becomes of it:
--   [0, high)            in the create queue, with a feature
--   [high, creates)      in the create queue, without; the last `awkward` of all creates are not simply created
--   [creates, updates)   in Salesforce with something wrong; the first `wrong` of them have a wrong flag
--   [updates, orphans)   in Salesforce with a wrong flag, without a valid Salesforce id
--   [orphans, clean)     in Salesforce and right; the last `unlinked` without a valid Salesforce id
--   [clean, gone)        deactivated, still in Salesforce
--   [gone, total)        deactivated, never in Salesforce
-- h and l are 64 pseudo-random bits each (MD5 of seed and i); u_* are Weyl sequences, so that the share of
-- properties with a flag is met to a few rows whatever the seed.
CREATE TEMP TABLE numbered AS
SELECT
  r.i, coalesce(g.leader, r.i) AS leader, coalesce(g.position, 0) AS position,
  coalesce(g.active_count, 1) AS active_count, coalesce(g.lends, FALSE) AS lends,
  md5_number_upper($seed || ':' || r.i) AS h, md5_number_lower($seed || ':' || r.i) AS l,
  md5($seed || '/' || r.i) AS m
FROM (SELECT unnest(range($total)) AS i) AS r
LEFT JOIN rollout_groups AS g ON g.i = r.i;

CREATE TEMP TABLE flagged AS
SELECT *,
  (drawn_idv OR drawn_bank OR drawn_pay OR drawn_inc) AS drawn_any,
  -- A lender is a deactivated member of a living group: all its flags are on and must not count.
  CASE WHEN lends THEN TRUE WHEN leader >= $high AND leader < $creates THEN FALSE ELSE drawn_idv END AS g_idv,
  CASE WHEN lends THEN TRUE WHEN leader >= $high AND leader < $creates THEN FALSE ELSE drawn_bank END AS g_bank,
  CASE WHEN lends THEN TRUE WHEN leader >= $high AND leader < $creates THEN FALSE ELSE drawn_pay END AS g_pay,
  CASE WHEN lends THEN TRUE WHEN leader >= $high AND leader < $creates THEN FALSE
    -- High priority means at least one feature: the most common one when the draw gave none.
    WHEN leader < $high THEN drawn_inc OR NOT drawn_any ELSE drawn_inc END AS g_inc
FROM (
  SELECT *,
    (leader * 2654435769 + $shift) % 4294967296 < $rate_idv AS drawn_idv,
    (leader * 1779033704 + $shift) % 4294967296 < $rate_bank AS drawn_bank,
    (leader * 3144134277 + $shift) % 4294967296 < $rate_pay AS drawn_pay,
    (leader * 2773480762 + $shift) % 4294967296 < $rate_inc AS drawn_inc
  FROM numbered
);

CREATE TEMP TABLE base AS
SELECT
  i, h, l, lends, active_count, active_count > 1 AS is_multi, g_idv, g_bank, g_pay, g_inc,
  -- A group's flag is on for one member at least; which one depends on the flag.
  g_idv AND (position = leader % active_count OR h >> 8 & 1 = 1) AS o_idv,
  g_bank AND (position = (leader + 1) % active_count OR h >> 9 & 1 = 1) AS o_bank,
  g_pay AND (position = (leader + 2) % active_count OR h >> 10 & 1 = 1) AS o_pay,
  g_inc AND (position = (leader + 3) % active_count OR h >> 11 & 1 = 1) AS o_inc,
  CASE WHEN i >= $updates - $invalid AND i < $updates THEN 'legacy-' || i
    ELSE m[1:8] || '-' || m[9:12] || '-4' || m[14:16] || '-a' || m[18:20] || '-' || m[21:32] END AS id,
  CASE WHEN (i >= $creates - $awkward AND i < $creates) OR (i >= $updates - $invalid AND i < $orphans)
      OR (i >= $clean - $unlinked AND i < $clean) THEN NULL
    -- The group's Salesforce id: 18 characters, the same for all its members.
    ELSE 'a1P' || upper(md5($seed || '+' || CASE WHEN lends THEN position ELSE leader END)[1:12]) || 'QAA' END AS sfdc_id,
  upper(lpad(to_base((i * 7919 + $shift) % 16777213, 36), 6, '0')) AS plain_short_id,
  CAST(floor(pow((l & 65535) / 65536.0, 1.6) * $companies) AS BIGINT) AS company,
  $adjectives[1 + CAST(l >> 16 & 31 AS INTEGER)] || ' ' || $nouns[1 + CAST(l >> 21 & 31 AS INTEGER)] || ' '
    || $kinds[1 + CAST(l >> 26 & 7 AS INTEGER)] AS plain_name,
  $cities[1 + CAST(l >> 29 & 15 AS INTEGER)] AS city_and_state,
  i >= $creates - $failed AND i < $creates AS is_rejected,
  -- Ages: of the create queue a fifth is younger than 30 days and two fifths older than a year.
  $start - to_minutes(CAST(CASE
    WHEN i >= $creates THEN 86400 + (l >> 33 & 4095) * 700
    WHEN l >> 45 & 255 < 52 THEN 300 + (l >> 33 & 4095) * 7
    WHEN l >> 45 & 255 < 154 THEN 576000 + (l >> 33 & 4095) * 500
    ELSE 57600 + (l >> 33 & 4095) * 110 END AS BIGINT)) AS created_at
FROM flagged;

INSERT INTO rds.pg_rds_public.companies
SELECT k, name, upper(lpad(to_base(k * 37 + 1296, 36), 4, '0')), name || ' Holdings LLC'
FROM (
  SELECT k, $adjectives[1 + CAST(k % 32 AS INTEGER)] || ' ' || $trades[1 + CAST(k // 32 % 16 AS INTEGER)]
    || CASE WHEN k >= 512 THEN ' ' || CAST(k // 512 + 1 AS VARCHAR) ELSE '' END AS name
  FROM (SELECT unnest(range($companies)) AS k)
);

INSERT INTO rds.pg_rds_public.properties
SELECT
  id,
  -- Half of the rejected ones have a name that is too long for Salesforce ...
  CASE WHEN is_rejected AND (i % 2 = 0 OR $clean = $orphans) THEN rpad(plain_name, 96, ' and annex')
    ELSE plain_name END,
  -- ... the other half a short id that another record has already.
  CASE WHEN is_rejected AND i % 2 = 1 AND $clean > $orphans
    THEN (SELECT plain_short_id FROM base WHERE i = $orphans) ELSE plain_short_id END,
  company,
  CASE WHEN i >= $updates - $invalid - $gaps AND i < $updates - $invalid THEN NULL
    ELSE upper(lpad(to_base(company * 37 + 1296, 36), 4, '0')) END,
  split_part(city_and_state, ',', 1), split_part(city_and_state, ',', 2),
  CASE WHEN i < $clean THEN 'ACTIVE' ELSE 'INACTIVE' END, sfdc_id, created_at,
  greatest(created_at, $start - to_minutes(CAST(1440 + (l >> 53 & 1023) * 60 AS BIGINT)))
FROM base;

INSERT INTO rds.pg_rds_public.property_features
SELECT id, o_idv, o_bank, o_pay, o_inc, $start - to_minutes(CAST(1440 + (l >> 53 & 1023) * 60 AS BIGINT))
FROM base
WHERE i < $total - $featureless;

-- Salesforce: what the source says, but for what is to be wrong.
INSERT INTO sfdc.main.product_property (
  Name, Snappt_Property_ID__c, Company_Name__c, Short_ID__c, SF_Property_ID__c, IDV_Enabled__c,
  Bank_Linking_Enabled__c, Payroll_Enabled__c, Income_Insights_Enabled__c, Fraud_Detection_Enabled__c,
  Active_Property_Count__c, Is_Multi_Property__c, CreatedDate, CreatedById, LastModifiedDate,
  LastModifiedById, SystemModstamp
)
SELECT
  CASE WHEN stale AND i % 10 IN (4, 5, 6) THEN plain_name || ' (former)' ELSE plain_name END,
  CASE WHEN is_hidden THEN upper(base.id) ELSE base.id END,
  CASE WHEN is_hidden OR (stale AND i % 10 < 4) THEN 'Former ' || c.name ELSE c.name END,
  plain_short_id,
  coalesce(sfdc_id, 'a1P' || upper(md5($seed || '*' || i)[1:12]) || 'QAA'),
  CASE WHEN wrong AND (i % 4 = 0 OR i % 12 = 3) THEN NOT g_idv ELSE g_idv END,
  CASE WHEN wrong AND (i % 4 = 1 OR i % 12 = 4) THEN NOT g_bank ELSE g_bank END,
  CASE WHEN wrong AND i % 4 = 2 THEN NOT g_pay ELSE g_pay END,
  CASE WHEN wrong AND i % 4 = 3 THEN NOT g_inc ELSE g_inc END,
  h >> 20 & 1023 < 1007,
  -- The count was added to the object late: some records never got one, or count one for all.
  CASE WHEN stale AND i % 10 > 6 THEN CASE WHEN is_multi THEN 1 END ELSE active_count END,
  is_multi AND NOT (stale AND i % 10 > 6),
  base.created_at + INTERVAL 3 DAY, CASE WHEN h >> 30 & 7 = 0 THEN $human ELSE $census END,
  $start - to_minutes(CAST(1440 + (h >> 33 & 1023) * 35 AS BIGINT)),
  CASE WHEN h >> 43 & 15 = 0 THEN $human ELSE $census END,
  $start - to_minutes(CAST(1440 + (h >> 33 & 1023) * 35 AS BIGINT))
FROM (
  SELECT *,
    i >= $creates - $awkward AND i < $creates - $failed AS is_hidden,
    (i >= $creates AND i < $creates + $wrong) OR (i >= $updates AND i < $orphans) AS wrong,
    i >= $creates + $wrong AND i < $updates AS stale
  FROM base
) AS base
LEFT JOIN rds.pg_rds_public.companies AS c ON c.id = base.company
WHERE is_hidden OR (base.i >= $creates AND base.i < $gone)
ORDER BY i;

DROP TABLE numbered;
DROP TABLE flagged;
DROP TABLE base;
