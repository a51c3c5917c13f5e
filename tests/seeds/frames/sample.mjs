// What the seeds' JavaScript samples presume. The harness puts a sample behind it.
import {GoogleGenAI} from '@google/genai';
import path from 'node:path';
const media = process.env.SEEDS_MEDIA;

