-- Share of the properties in Salesforce whose flag is right, in per cent. No property gives no figure.
SELECT metric AS flag, value AS right_percent
FROM {aggregation}.sync_monitoring_dashboard
WHERE widget = 'accuracy'
