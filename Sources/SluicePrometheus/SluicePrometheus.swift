// SluicePrometheus
